# escape=`
FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
RUN Invoke-WebRequest -Uri https://download.example.org/service.zip -OutFile C:\service.zip ; `
    Expand-Archive C:\service.zip -DestinationPath C:\service ; `
    Remove-Item C:\service.zip
WORKDIR C:\service
CMD ["service.exe"]
